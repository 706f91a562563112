"""The dashboard: `streamlit run dashboard.py`.

Worker processes import this file again under another name, so it does nothing unless it is the script itself.
"""

if __name__ == "__main__":
    from pages.parts.frame import main

    main()
